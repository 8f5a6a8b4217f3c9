/*
 * A program that never calls malloc: glibc's arena is there, but was never used.
 *
 * usage: no_heap [abort|pause]
 */
#include "manifest.h"

int main(int argc, char **argv)
{
	stop_here(argc > 1 ? argv[1] : "pause");
}
