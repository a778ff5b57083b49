# A room is a folder; its sources are all the .cpp files in it. Adding a file is enough.
function(bunraku_room target folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  target_sources(${target} PRIVATE ${sources})
endfunction()

# For the targets of this folder: functions in sections of their own, which bunraku_layout() puts in order.
function(bunraku_sections)
  set_property(DIRECTORY APPEND PROPERTY COMPILE_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-ffunction-sections>)
endfunction()

# Compiled for size at any price: what is not done for each request. All that ran once stays in memory. Patterns of files in
# this folder, and behind EXCEPT those among them that stay fast.
function(bunraku_for_size)
  cmake_parse_arguments(PARSE_ARGV 0 given "" "" "EXCEPT")
  file(GLOB files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${given_UNPARSED_ARGUMENTS})
  list(REMOVE_ITEM files ${given_EXCEPT})
  set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "$<$<NOT:$<CONFIG:Debug>>:-Oz>")
endfunction()

# The functions that are named in `file` come first, one after the other. The kernel maps code in 64 KiB around what
# is touched, so that scattered functions bring nearly all of a program into memory. A name that is not there (another
# compiler's) is passed over. Relocations are packed for the same end: the loader touches all of them. And what it runs at
# the start, which linkers put last, comes before them all.
function(bunraku_layout target file)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR BUNRAKU_SANITIZE)
    return()
  endif()
  set(first ${PROJECT_SOURCE_DIR}/cmake/start_first.ld)
  set(in_order -Wl,--symbol-ordering-file=${file} -Wl,--no-warn-symbol-ordering -Wl,${first} -Wl,-z,pack-relative-relocs)
  target_link_options(${target} PRIVATE "$<$<NOT:$<CONFIG:Debug>>:${in_order}>")
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${file} ${first})
endfunction()
