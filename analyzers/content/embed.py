#!/usr/bin/env python3
"""Write a file as the bytes of a C array: embed.py INPUT OUTPUT."""
import sys

with open(sys.argv[1], "rb") as source:
    data = source.read()
with open(sys.argv[2], "w", encoding="ascii") as out:
    out.write("#include <stddef.h>\n#include <stdint.h>\n\n")
    out.write("extern const uint8_t hc_builtin_signatures[];\nextern const size_t hc_builtin_signatures_size;\n\n")
    out.write("const uint8_t hc_builtin_signatures[] = {\n")
    for i in range(0, len(data), 16):
        out.write("\t" + " ".join(f"{byte}," for byte in data[i : i + 16]) + "\n")
    out.write(f"}};\n\nconst size_t hc_builtin_signatures_size = {len(data)};\n")
