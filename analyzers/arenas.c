#include "analyzers/arenas.h"
