# cmake -DFILE=x.o -DNAME=x -DHEADER=x.h -P embed.cmake: the file's bytes as a C array.
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${HEADER} "static const unsigned char ${NAME}[] = {\n${bytes}};\n")
