/* A stand-in for NVIDIA's driver, to be found as libcuda.so.1: it has FAULTS_GPUS GPUs (FAULTS_GPU_NAME each, their own
 * serial numbers unless FAULTS_GPU_UUID is one for all) and brings CUDA FAULTS_CUDA (13000 for 13.0). */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int number(const char* name, int otherwise) {
  const char* const value = getenv(name);
  return value == NULL ? otherwise : atoi(value);
}

int cuInit(unsigned flags) { return number("FAULTS_CUINIT", (int)flags); }
int cuDriverGetVersion(int* version) { return *version = number("FAULTS_CUDA", 13000), 0; }
int cuDeviceGetCount(int* count) { return *count = number("FAULTS_GPUS", 0), 0; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetName(char* name, int bytes, int device) {
  (void)device;
  const char* const value = getenv("FAULTS_GPU_NAME");
  return snprintf(name, (size_t)bytes, "%s", value == NULL ? "NVIDIA Paper 1" : value), 0;
}
int cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  memset(uuid, 0, 16);
  /* A rank that sees one GPU alone sees its own: Open MPI tells which rank it is. */
  uuid[15] = (unsigned char)(number("FAULTS_GPUS", 0) == 1 && getenv("FAULTS_GPU_OF_EACH") != NULL
                                 ? number("OMPI_COMM_WORLD_LOCAL_RANK", 0)
                                 : device);
  return 0;
}
int cuDeviceTotalMem_v2(size_t* bytes, int device) { return (void)device, *bytes = (size_t)80 << 30, 0; }
int cuDeviceGetPCIBusId(char* text, int bytes, int device) {
  return snprintf(text, (size_t)bytes, "0000:%02x:00.0", 0x10 * (device + 1)), 0;
}
