# generate_words. It needs what training/ needs.
set(generate_words_data /usr/share/dict/american-english CACHE FILEPATH "A list with one word on each line, for the test")

if(NOT TARGET sample_training)
  message(STATUS "smx: sample generate_words is left out: it needs OpenBLAS (cmake/setup samples installs it)")
  return()
endif()

set(generate_words_sources generate_words.c baseline.c corpus.c model.c options.c report.c word_list.c writer.c writer_check.c)
list(TRANSFORM generate_words_sources PREPEND generate_words/)
add_training_sample(generate_words ${generate_words_sources})

if(EXISTS ${generate_words_data})
  add_sample_test(generate_words --epochs 1 --hidden 64 --data ${generate_words_data})
else()
  message(STATUS "smx: no word list ${generate_words_data}: generate_words is not tested (Debian: wamerican)")
endif()
