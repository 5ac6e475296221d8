# The parsers of the API tier that see bytes from outside: fuzz_<name> is api/<name>.c.
foreach(name http_request proxies)
    osy_fuzz_target(fuzz_${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/api/${name}.c LIBS api_core)
endforeach()
