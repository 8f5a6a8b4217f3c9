#include "core/machine.h"
