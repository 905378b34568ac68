# Both programs, a target each: --target producer, --target consumer.
#
# Dependencies are compiled before the sources arrive, from the manifests and empty crates, so that a change of the
# sources compiles the sources only. Those of both at once: then librdkafka, which is C, is compiled beside Rust.

FROM rust:1.95-slim-bookworm AS manifests
# librdkafka is compiled from source, with Debian's OpenSSL, zlib and Zstandard, and the allocator is Debian's jemalloc:
# to compile these as well takes some minutes of a core, and a build with --pull --no-cache has what Debian has mended in
# them.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       gcc g++ libjemalloc-dev libssl-dev libzstd-dev make pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
# The allocator is taken on x86-64 only, so its path need not be there elsewhere.
ENV OPENSSL_NO_VENDOR=1 ZSTD_SYS_USE_PKG_CONFIG=1 JEMALLOC_OVERRIDE=/usr/lib/x86_64-linux-gnu/libjemalloc_pic.a
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY kafka-access/Cargo.toml kafka-access/
# How the C libraries are built.
COPY .cargo .cargo
COPY producer/Cargo.toml producer/
COPY sql/Cargo.toml sql/
COPY consumer/Cargo.toml consumer/
COPY testkit/Cargo.toml testkit/
COPY fuzz/properties/Cargo.toml fuzz/properties/
# A manifest that names a test or bench is wrong without its file.
RUN for crate in kafka-access producer sql consumer testkit fuzz/properties; do \
      mkdir -p $crate/src $crate/tests $crate/benches; \
      touch $crate/src/lib.rs; \
      case $crate in producer | consumer) echo 'fn main() {}' > $crate/src/main.rs ;; esac; \
      for name in $(sed -n '/^\[\[test\]\]/,/^$/s/^name = "\(.*\)"/\1/p' $crate/Cargo.toml); do touch $crate/tests/$name.rs; done; \
      for name in $(sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"/\1/p' $crate/Cargo.toml); do touch $crate/benches/$name.rs; done; \
    done

FROM manifests AS dependencies
# With S3, Google Cloud Storage and Azure for checkpoints. Both packages are named wherever one is built: with others
# the dependencies have other features, and are compiled once more.
RUN cargo build --release --locked -p producer -p consumer --features consumer/cloud

FROM dependencies AS producer-build
RUN rm -r kafka-access producer
COPY kafka-access kafka-access
COPY producer producer
# Cargo goes by time, and the sources are older than what was built from the empty ones.
RUN touch kafka-access/src/*.rs producer/src/*.rs \
    && cargo build --release --locked -p producer -p consumer --features consumer/cloud --bin producer

FROM dependencies AS consumer-build
RUN rm -r kafka-access producer sql consumer
COPY kafka-access kafka-access
COPY producer producer
COPY sql sql
COPY consumer consumer
RUN touch kafka-access/src/*.rs producer/src/*.rs sql/src/*.rs consumer/src/*.rs \
    && cargo build --release --locked -p producer -p consumer --features consumer/cloud --bin consumer

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl3 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin cardstream
# For brokers and object stores behind TLS.
COPY --from=manifests /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER cardstream
WORKDIR /cardstream

FROM runtime AS producer
COPY --from=producer-build /src/target/release/producer /usr/local/bin/
ENTRYPOINT ["producer"]

FROM runtime AS consumer
USER root
# For checkpoints. A new volume takes its owner from the folder that it is mounted on.
RUN install -d -o cardstream -g cardstream /var/lib/cardstream
USER cardstream
COPY queries queries
COPY --from=consumer-build /src/target/release/consumer /usr/local/bin/
ENTRYPOINT ["consumer"]
