#include "analyzers/regions.h"
