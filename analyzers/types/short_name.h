/**
 * @file
 * Names of C++ types without what their authors did not write: inline namespaces of the library,
 * and template arguments that are its defaults.
 *
 * "std::map<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, int,
 * std::less<…>, std::allocator<…> >" is "std::map<std::string, int>". Works on demangled text
 * alone, which is untrusted: what does not look like a template stays as it is.
 */
#ifndef HC_ANALYZERS_TYPES_SHORT_NAME_H
#define HC_ANALYZERS_TYPES_SHORT_NAME_H

/** @return to be freed by the caller, never longer than @p name; NULL without memory */
char *hc_short_type_name(const char *name);

#endif
