#include "analyzers/leaks.h"
