#include "analyzers/accounting.h"
