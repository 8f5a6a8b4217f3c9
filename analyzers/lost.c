#include "analyzers/reachability.h"
