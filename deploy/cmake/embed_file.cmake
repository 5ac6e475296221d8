# The worker of embed_text: INPUT (any bytes) becomes OUTPUT, a C file that defines SYMBOL.
# Every byte is written as an escape, so no byte and no neighbour of a byte needs care.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(................................................................)"
    "\\1\n" lines "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" lines "${lines}")
string(REGEX REPLACE "([^\n]+)" "    \"\\1\"" lines "${lines}")
file(WRITE ${OUTPUT}
"/* Generated from ${INPUT}. */
#include \"${HEADER}\"

const char ${SYMBOL}[] = \"\"
${lines};
")
