# cmake -DFILE=x.o -DNAME=x -DHEADER=x.h -P embed.cmake: the file's bytes as a C array.
# Headers lose their comments, which no compiler needs.
if(FILE MATCHES "\\.h$")
  file(READ ${FILE} text)
  string(REGEX REPLACE "/\\*[^*]*\\*+([^/*][^*]*\\*+)*/" "" text "${text}")
  string(REGEX REPLACE "[ \t]+\n" "\n" text "${text}")
  string(REGEX REPLACE "\n\n+" "\n" text "${text}")
  file(WRITE ${HEADER}.text "${text}")
  set(FILE ${HEADER}.text)
endif()
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${HEADER} "static const unsigned char ${NAME}[] = {\n${bytes}};\n")
