#include "analyzers/verdict.h"
