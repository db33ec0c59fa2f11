# Runs Doxygen in OUTPUT and shows its warnings, which fail the build. -DDOXYGEN=PROGRAM -DOUTPUT=FOLDER
file(REMOVE ${OUTPUT}/warnings.log)
execute_process(COMMAND ${DOXYGEN} ${OUTPUT}/Doxyfile WORKING_DIRECTORY ${OUTPUT} RESULT_VARIABLE status)
if(EXISTS ${OUTPUT}/warnings.log)
  file(READ ${OUTPUT}/warnings.log warnings)
endif()
if(warnings OR NOT status EQUAL 0)
  message(FATAL_ERROR "Doxygen ended with status ${status}:\n${warnings}")
endif()
