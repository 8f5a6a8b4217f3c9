#include "analyzers/what.h"
