#include "analyzers/selection.h"
