#include "core/thread.h"
