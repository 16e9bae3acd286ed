# docker build -t tsdb-server . && docker run -p 127.0.0.1:7201:7201 -v tsdb:/var/lib/tsdb tsdb-server
#
# As M3's image it takes `-f FILE`, and has that name for itself as well:
#   docker run -p 7201:7201 -v "$PWD/m3dbnode.yml:/etc/m3db/m3dbnode.yml" -v m3db:/var/lib/m3db \
#     tsdb-server -f /etc/m3db/m3dbnode.yml

FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package tsdb-server \
    && strip target/release/tsdb-server

FROM debian:bookworm-slim
# Folders that are mounted from the host must belong to this number.
RUN groupadd --system --gid 7201 tsdb \
    && useradd --system --uid 7201 --gid tsdb --home-dir /var/lib/tsdb --shell /usr/sbin/nologin tsdb \
    && install -d -o tsdb -g tsdb -m 0750 /var/lib/tsdb /var/lib/m3db \
    && ln -s /usr/bin/tsdb-server /bin/m3dbnode
COPY --from=build /source/target/release/tsdb-server /usr/bin/tsdb-server
COPY deploy/docker/tsdb.yml /etc/tsdb/tsdb.yml
COPY LICENSE /usr/share/doc/tsdb-server/LICENSE

# There is no authentication. A container's network is its own: what others reach of it is published.
ENV TSDB_DEFAULT_HOST=0.0.0.0
USER tsdb
WORKDIR /var/lib/tsdb
VOLUME ["/var/lib/tsdb", "/var/lib/m3db"]
# API, metrics, M3's node, cluster and debug addresses.
EXPOSE 7201 7203 9002 9003 9004
# Replaying a log takes seconds; somebody who restarts what is unhealthy should give it more.
HEALTHCHECK --interval=10s --timeout=6s --start-period=5m --retries=3 CMD ["tsdb-server", "health"]
ENTRYPOINT ["/usr/bin/tsdb-server"]
CMD ["-f", "/etc/tsdb/tsdb.yml"]
