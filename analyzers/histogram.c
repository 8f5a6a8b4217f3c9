#include "analyzers/histogram.h"
