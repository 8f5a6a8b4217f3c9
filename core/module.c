#include "core/module.h"
