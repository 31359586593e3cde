#pragma once
#include "mimalloc/prim-tls.h"
