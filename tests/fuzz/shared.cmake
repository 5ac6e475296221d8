# The parsers of shared/ that see bytes from outside: fuzz_<name> is shared/<name>.c.
foreach(name json envelope trace base64url utf8 position uuid time config redirection)
    osy_fuzz_target(fuzz_${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/shared/${name}.c LIBS osy_shared)
endforeach()
