#!/usr/bin/env python3
"""Write the style and the script of pages as C arrays, with their hashes: embed.py STYLE SCRIPT OUTPUT."""
import base64
import hashlib
import sys

with open(sys.argv[3], "w", encoding="ascii") as out:
    out.write("#include <stddef.h>\n#include <stdint.h>\n\n")
    for name, path in ("style", sys.argv[1]), ("script", sys.argv[2]):
        with open(path, "rb") as source:
            data = source.read()
        # Neither may end the element that it stands in, and browsers read both as they are.
        if b"</" in data or b"\r" in data or not data.isascii():
            sys.exit(f"{path}: holds '</', a carriage return, or what is not ASCII")
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        out.write(f"extern const uint8_t hc_html_{name}[];\nextern const size_t hc_html_{name}_size;\n")
        out.write(f"extern const char hc_html_{name}_hash[];\n\nconst uint8_t hc_html_{name}[] = {{\n")
        for i in range(0, len(data), 16):
            out.write("\t" + " ".join(f"{byte}," for byte in data[i : i + 16]) + "\n")
        out.write(f"}};\n\nconst size_t hc_html_{name}_size = {len(data)};\n")
        out.write(f'const char hc_html_{name}_hash[] = "sha256-{digest}";\n\n')
