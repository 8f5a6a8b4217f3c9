#include "core/heap.h"
