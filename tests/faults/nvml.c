/* A stand-in for NVIDIA's management library, to be found as libnvidia-ml.so.1: of GPUs that draw FAULTS_WATTS and are
 * slowed by FAULTS_REASONS (bits) from FAULTS_SLOWED_AFTER seconds on, from when they are first asked. FAULTS_UNKNOWN
 * names what they don't know, as "energy,clock". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kNotFound = 6, kNotSupported = 3 };

static double number(const char* name, double otherwise) {
  const char* const value = getenv(name);
  return value == NULL ? otherwise : atof(value);
}

static int unknown(const char* what) {
  const char* const all = getenv("FAULTS_UNKNOWN");
  return all != NULL && strstr(all, what) != NULL ? kNotSupported : 0;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int nvmlInit_v2(void) { return (int)number("FAULTS_NVMLINIT", 0); }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned bytes) { return snprintf(text, bytes, "580.65.06"), 0; }

/* The stand-in for the driver gives 0 but for the last two digits. */
int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  static int gpus[256];
  const int slice = strncmp(uuid, "MIG-", 4) == 0;
  unsigned last = 0;
  if (sscanf(uuid + 4, "00000000-0000-0000-0000-0000000000%2x", &last) != 1) return kNotFound;
  return *device = &gpus[last], slice ? unknown("slice") : 0;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void* slice, void** device) { return *device = slice, 0; }
int nvmlDeviceGetClockInfo(void* device, int type, unsigned* megahertz) {
  return (void)device, *megahertz = type == 1 ? 1980 : 2619, unknown("clock");
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  return (void)device, *milliwatts = (unsigned)(1e3 * number("FAULTS_WATTS", 700)), unknown("power");
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* degrees) {
  return (void)device, (void)sensor, *degrees = 61, unknown("temperature");
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  return (void)device, *millijoules = (unsigned long long)(1e3 * number("FAULTS_WATTS", 700) * now()),
                       unknown("energy");
}
int nvmlDeviceGetCurrentClocksEventReasons(void* device, unsigned long long* bits) {
  static double begin = 0;
  if (begin == 0) begin = now();
  const int slowed = now() - begin >= number("FAULTS_SLOWED_AFTER", 0);
  return (void)device, *bits = slowed ? (unsigned long long)number("FAULTS_REASONS", 0) : 0, unknown("reasons");
}
int nvmlDeviceGetTotalEccErrors(void* device, int type, int counter, unsigned long long* count) {
  const int uncorrected = 1, since_the_driver_came = 0;
  return (void)device, *count = type == uncorrected && counter == since_the_driver_came ? 2 : 5, unknown("errors");
}
