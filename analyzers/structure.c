#include "analyzers/classify.h"
