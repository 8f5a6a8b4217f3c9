#include "core/allocator.h"
