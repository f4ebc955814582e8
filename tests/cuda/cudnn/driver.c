/* A stand-in for NVIDIA's driver, to be found as libcuda.so.1, under which cuDNN makes plans without a GPU: whatever is
 * compiled can be loaded; all else is an error, but must be there. */
#define UNKNOWN(name) \
  int name(void) { return 34; } /* CUDA_ERROR_STUB_LIBRARY */
#define LOADED(name) \
  int name(void** handle) { return *handle = (void*)handle, 0; }

LOADED(cuLibraryLoadData)
LOADED(cuLibraryGetKernel)

UNKNOWN(cuInit) /* where it succeeds, cuDNN asks for more */
UNKNOWN(cuGetErrorName)
UNKNOWN(cuGetErrorString)
UNKNOWN(cuCtxGetCurrent)
UNKNOWN(cuCtxGetLimit)
UNKNOWN(cuCtxPopCurrent)
UNKNOWN(cuCtxPushCurrent)
UNKNOWN(cuStreamGetCtx)
UNKNOWN(cuDriverGetVersion)
UNKNOWN(cuLinkCreate)
UNKNOWN(cuLinkAddData)
UNKNOWN(cuLinkComplete)
UNKNOWN(cuLinkDestroy)
UNKNOWN(cuLaunchKernel)
UNKNOWN(cuLaunchCooperativeKernel)
UNKNOWN(cuLaunchKernelEx)
UNKNOWN(cuDeviceGetCount)
UNKNOWN(cuDeviceGet)
UNKNOWN(cuLibraryLoadFromFile)
UNKNOWN(cuLibraryUnload)
UNKNOWN(cuKernelSetAttribute)
UNKNOWN(cuKernelGetAttribute)
UNKNOWN(cuOccupancyMaxPotentialClusterSize)
