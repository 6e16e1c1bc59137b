# SPDX-License-Identifier: GPL-2.0-only
# memgap. `make help` lists the targets; V=1 shows the commands; SANITIZE=address,undefined builds apart, and so does
# CROSS=aarch64, for arm64 (`make arm64` prepares and does that).

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

SANITIZE ?=
COVERAGE ?=
CROSS ?=
# P has what is always plain: what the tests watch, as its allocator is to be its own, and what no compiler makes.
P := build$(if $(CROSS),/$(CROSS))
B := $(P)$(if $(SANITIZE),/sanitize)$(if $(COVERAGE),/coverage)
PO := $(P)/obj
# to the tests
export MEMGAP_BUILD = $(B)
O := $(B)/obj
Q := $(if $(V),,@)

CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || ls /usr/sbin/bpftool /usr/lib/linux-tools*/*/bpftool 2>/dev/null | tail -n 1)
PKG_CONFIG ?= pkg-config
ARCH := $(or $(CROSS),$(shell uname -m))
BPF_ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(ARCH)))
ifdef CROSS
SYSROOT := $(CURDIR)/build/$(CROSS)/root
CC := $(CROSS)-linux-gnu-gcc --sysroot=$(SYSROOT)
AR := $(CROSS)-linux-gnu-ar
PKG_CONFIG := env PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(CROSS)-linux-gnu/pkgconfig pkg-config
endif
# by git; of a source without it, the file's
VERSION := $(shell { [ -e .git ] && git describe --tags --always --dirty 2>/dev/null; } || cat VERSION)

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
UNITDIR ?= $(PREFIX)/lib/systemd/system
LIBS := libbpf libelf zlib jansson libmicrohttpd gnutls libzstd ncursesw
LOADED_LIBS := libcurl # by dlopen(), see user/target/libcurl.h

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wformat=2 -Wconversion -Werror
COMMON_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -I. -MD -MP
# gcov's own exec() allocates, in a child that may be counted already
COVERED := --coverage -O0 $(patsubst %,-fno-builtin-exec%,l le lp v ve vp)
INSTRUMENTED := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer) $(if $(COVERAGE),$(COVERED))
USER_CFLAGS = $(COMMON_CFLAGS) $(INSTRUMENTED) -isystem $(B)/skeleton -DMEMGAP_VERSION='"$(VERSION)"' $(shell $(PKG_CONFIG) --cflags $(LIBS) $(LOADED_LIBS))
USER_LIBS = $(shell $(PKG_CONFIG) --libs $(LIBS)) -lZydis -lcrypt -lm
# kernels from 7.0 on have members that are structs with a tag and no name
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Ivmlinux/$(ARCH) -Ibpf -fms-extensions -Wno-microsoft-anon-tag \
	$(WARNINGS) -Wno-unused-parameter -MMD -MP

OWN_OBJECTS := gate gate_implicit # BPF objects of their own, on kernels that have what they need
BPF_SOURCES := bpf/maps.bpf.c $(filter-out bpf/maps.bpf.c $(OWN_OBJECTS:%=bpf/%.bpf.c),$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJECTS := $(BPF_SOURCES:%.c=$(O)/%.o)
USER_OBJECTS := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard user/*.c user/*/*.c)) $(if $(SANITIZE),tests/lib/sanitizers.c))
LIBRARY_OBJECTS := $(filter-out $(O)/user/main.o,$(USER_OBJECTS))
WORKLOAD_OBJECTS := $(patsubst %.c,$(PO)/%.o,$(sort $(wildcard workload/*.c)))
SKELETON := $(B)/skeleton/memgap.skel.h
# What the page is made of, see user/page/build.sh
DYGRAPHS ?= /usr/share/javascript/dygraphs
PAGE_SOURCES := $(wildcard user/page/*.html user/page/*.css user/page/*.js user/page/*.licence) user/page/build.sh
OWN_SKELETONS := $(OWN_OBJECTS:%=$(B)/skeleton/memgap_%.skel.h)
# It becomes part of other programs: no sanitizer, and nothing of it is seen but what its header has.
PRELOAD_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -I. -MD -MP -pthread -fPIC -fvisibility=hidden
# nodelete: its thread and its handler stay when a program calls dlclose()
PRELOAD_LDFLAGS := -shared -pthread -Wl,-soname,libmemgap-trim.so,-z,nodelete,-z,defs

.PHONY: all
all: $(B)/memgap $(P)/workload $(P)/libmemgap-trim.so $(P)/libmemgap-trim.a ## build memgap, workload and libmemgap-trim in build/

$(B)/memgap: $(USER_OBJECTS)
	@echo "  LINK    $@"
	$(Q)$(CC) $(COMMON_CFLAGS) $(INSTRUMENTED) $(LDFLAGS) $^ $(USER_LIBS) -o $@

$(P)/workload: $(WORKLOAD_OBJECTS)
	@echo "  LINK    $@"
	$(Q)$(CC) $(COMMON_CFLAGS) $(LDFLAGS) -pthread $^ -o $@

$(P)/libmemgap-trim.so: $(PO)/preload/memgap-trim.o
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) $(PRELOAD_LDFLAGS) $^ -o $@

$(P)/libmemgap-trim.a: $(PO)/preload/memgap-trim.o
	@echo "  AR      $@"
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(PO)/preload/%.o: preload/%.c Makefile
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PRELOAD_CFLAGS) -c $< -o $@

$(O)/user/%.o: user/%.c Makefile | $(SKELETON) $(OWN_SKELETONS)
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -c $< -o $@

$(O)/tests/lib/sanitizers.o: tests/lib/sanitizers.c Makefile
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -DREPORTS='"$(abspath $(B))/reports"' -c $< -o $@

$(P)/page/page.html: $(PAGE_SOURCES)
	@echo "  PAGE    $@"
	$(Q)user/page/build.sh $(@D) $(DYGRAPHS)

$(O)/user/page/page.o: $(P)/page/page.html
$(O)/user/page/page.o: USER_CFLAGS += -DPAGE_FOLDER='"$(P)/page"'

$(PO)/workload/%.o: workload/%.c Makefile
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) -pthread -c $< -o $@

$(O)/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	@echo "  BPF     $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/memgap.bpf.o: $(BPF_OBJECTS)
	@echo "  BPFLINK $@"
	$(Q)$(BPFTOOL) gen object $@ $^

# no tidying of what bpftool makes
skeleton = { echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name $(1) && echo '/* NOLINTEND */'; } >$@

$(SKELETON): $(O)/memgap.bpf.o
	@echo "  SKEL    $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(call skeleton,memgap_bpf)

$(OWN_SKELETONS): $(B)/skeleton/memgap_%.skel.h: $(O)/bpf/%.bpf.o
	@echo "  SKEL    $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(call skeleton,$*_bpf)

.PHONY: arm64
arm64: ## cross-build memgap for arm64, in build/aarch64 (root; installs what is missing)
	$(Q)tests/deps.sh arm64
	$(Q)tests/arm64-root.sh
	$(Q)$(MAKE) --no-print-directory CROSS=aarch64 all

include tests/tests.mk
include tests/quality.mk
include tests/fuzz.mk

.PHONY: deps deps-build
deps-build: ## install with apt what building needs (Debian 12, 13, Ubuntu 24.04)
	$(Q)tests/deps.sh build
deps: ## install with apt what building, the tests and the demos need
	$(Q)tests/deps.sh all

.PHONY: demo demo-container images
demo: ## what memgap does, in 20 seconds (root; installs what is missing)
	$(Q)tests/demo.sh

images: ## container images memgap and memgap-workload (Docker or Podman)
	$(Q)tests/container/base-image.sh
	$(Q)tests/container/engine build --target memgap -t memgap .
	$(Q)tests/container/engine build --target workload -t memgap-workload .

demo-container: ## the same with a container under a limit, memgap beside it as a sidecar
	$(Q)tests/deps.sh all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)tests/container/demo.sh

# What is installed where: source:target:mode
INSTALLED := $(B)/memgap:$(PREFIX)/bin/memgap:755 \
	$(P)/libmemgap-trim.so:$(LIBDIR)/libmemgap-trim.so:755 \
	$(P)/libmemgap-trim.a:$(LIBDIR)/libmemgap-trim.a:644 \
	preload/memgap-trim.h:$(PREFIX)/include/memgap-trim.h:644 \
	$(P)/memgap.1:$(PREFIX)/share/man/man1/memgap.1:644 \
	deploy/completion/memgap.bash:$(PREFIX)/share/bash-completion/completions/memgap:644 \
	deploy/completion/_memgap:$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_memgap:644 \
	$(P)/memgap.service:$(UNITDIR)/memgap.service:644 \
	$(if $(DEBIAN),,LICENSE:$(PREFIX)/share/doc/memgap/copyright:644)
installed_part = $(word $(1),$(subst :, ,$(2)))

.PHONY: man
man: $(P)/memgap.1 ## the manual page, build/memgap.1 (scdoc)
$(P)/memgap.1: docs/memgap.1.scd
	@echo "  MAN     $@"
	$(Q)mkdir -p $(@D)
	$(Q)scdoc <$< >$@

# whatever PREFIX was the last time
.PHONY: $(P)/memgap.service
$(P)/memgap.service: deploy/systemd/memgap.service
	$(Q)mkdir -p $(@D)
	$(Q)sed 's,@PREFIX@,$(PREFIX),' $< >$@

.PHONY: install uninstall deb clean help vmlinux
install: all $(P)/memgap.1 $(P)/memgap.service ## install to PREFIX (/usr/local), below DESTDIR
	$(foreach file,$(INSTALLED),install -D -m $(call installed_part,3,$(file)) $(call installed_part,1,$(file)) \
		$(DESTDIR)$(call installed_part,2,$(file)) &&) true
uninstall:
	rm -f $(foreach file,$(INSTALLED),$(DESTDIR)$(call installed_part,2,$(file)))
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/doc/memgap

deb: ## a Debian package of memgap, in build/deb (dpkg-dev, scdoc)
	+$(Q)deploy/debian/build.sh "$(VERSION)" $(P)/deb

vmlinux: ## make vmlinux/ARCH/vmlinux.h from the running kernel's BTF
	$(Q)vmlinux/update.sh

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+( [a-z-]+)*:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(USER_OBJECTS:.o=.d) $(WORKLOAD_OBJECTS:.o=.d) $(BPF_OBJECTS:.o=.d) $(OWN_OBJECTS:%=$(O)/bpf/%.bpf.d) \
	$(PO)/preload/memgap-trim.d
