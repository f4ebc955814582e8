// NCCL's header, where what is not in every version that may be found is null if it's not there: 2.19 brought memory
// and registration, 2.27 windows. The declarations hold for the whole file that includes this.
#pragma once

#include <nccl.h>

#pragma weak ncclMemAlloc
#pragma weak ncclMemFree
#pragma weak ncclCommRegister
#pragma weak ncclCommDeregister
#pragma weak ncclCommWindowRegister
#pragma weak ncclCommWindowDeregister
