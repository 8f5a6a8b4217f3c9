/**
 * @file
 * Style and script of pages: html/page.css and html/page.js, which html/embed.py makes part of the
 * program, with their hashes as a Content-Security-Policy has them.
 */
#ifndef HC_CMD_RENDER_HTML_PAGE_H
#define HC_CMD_RENDER_HTML_PAGE_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t hc_html_style[], hc_html_script[];
extern const size_t hc_html_style_size, hc_html_script_size;
/** "sha256-…" */
extern const char hc_html_style_hash[], hc_html_script_hash[];

#endif
