#include "analyzers/search.h"
