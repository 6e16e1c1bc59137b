# SPDX-License-Identifier: GPL-2.0-only
# Fuzzing with libFuzzer (https://llvm.org/docs/LibFuzzer.html): all of user/ as clang builds it with the address and the undefined
# behaviour sanitizer, in a folder of its own. tests/fuzz/fuzz_NAME.c is a target, tests/fuzz/seeds/NAME/ are its first inputs.

FUZZ := build/fuzz
FUZZERS := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_OBJECTS := $(patsubst %.c,$(FUZZ)/obj/%.o,$(filter-out user/main.c,$(sort $(wildcard user/*.c user/*/*.c))))
FUZZ_CFLAGS = -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -fno-sanitize-recover=all $(WARNINGS) -I. -MD -MP \
	-isystem $(B)/skeleton -DMEMGAP_VERSION='"$(VERSION)"' $(shell $(PKG_CONFIG) --cflags $(LIBS) $(LOADED_LIBS))

.PHONY: fuzz fuzzers check-fuzz
fuzzers: $(FUZZERS)

fuzz: $(FUZZERS) ## hostile input to each parser, for TIME=60 seconds each; TARGETS="elf maps" are some of them (clang)
	$(Q)tests/fuzz/fuzz.py "$(or $(TIME),60)" $(TARGETS)

check-fuzz: $(FUZZERS) ## what was hostile input once, and each parser for FUZZ_SECONDS=n seconds more if that is given
	$(Q)tests/run.sh tests/fuzz/test_fuzz.py

$(FUZZ)/obj/user/%.o: user/%.c Makefile tests/fuzz.mk | $(SKELETON) $(OWN_SKELETONS)
	@echo "  FUZZ CC $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@

$(FUZZ)/obj/user/page/page.o: $(P)/page/page.html
$(FUZZ)/obj/user/page/page.o: FUZZ_CFLAGS += -DPAGE_FOLDER='"$(P)/page"'

# an archive: of each target alone what it needs is part of it, and counts in its coverage
$(FUZZ)/libuser.a: $(FUZZ_OBJECTS)
	@echo "  AR      $@"
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(FUZZERS): $(FUZZ)/%: tests/fuzz/%.c $(FUZZ)/libuser.a Makefile tests/fuzz.mk
	@echo "  FUZZER  $@"
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined $< $(FUZZ)/libuser.a $(USER_LIBS) -pthread -o $@

-include $(FUZZ_OBJECTS:.o=.d) $(FUZZERS:=.d)
