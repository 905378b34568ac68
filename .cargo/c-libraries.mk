# Read by every make that a build script runs, before its own makefile. Cargo has put OPT_LEVEL and CARGO_PKG_NAME into
# the environment.

# librdkafka and jemalloc ask for debug information, which a release is stripped of and a dev build has for our own code only.
%.o: CFLAGS += -g0

# OpenSSL and librdkafka are optimized whatever the profile says: in a dev build they follow the profile.
ifneq ($(filter 0 1,$(OPT_LEVEL)),)
%.o: CFLAGS += -O$(OPT_LEVEL)
endif

# The C++ interface is not linked.
ifeq ($(CARGO_PKG_NAME),rdkafka-sys)
override LIBSUBDIRS := src
endif

# Only the position-independent library is linked, and nothing is built a second time, so no dependencies are listed.
ifeq ($(CARGO_PKG_NAME),tikv-jemalloc-sys)
override STATIC_LIBS := lib/libjemalloc_pic.a
override CC_MM :=
endif
