# A room is a folder; its sources are all the .cpp files in it. Adding a file is enough.
function(bunraku_room target folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  target_sources(${target} PRIVATE ${sources})
endfunction()
