# cutover in an image of its own: one static binary, no shell, no user but a number.
#
#     docker build -t cutover .
#     docker run -v ./config:/etc/cutover:ro -p 8080:8080 cutover
#
# docker-compose.yml shows it with two versions of a small app behind it.

# Whatever has cargo, a C compiler and the static C library. CI gives an image that was made on the spot.
ARG BUILD_IMAGE=rust:1.95-bookworm

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY src src
# Linked statically, so that nothing else has to be in the image. A target must be named: without one, the flag
# would reach procedural macros, too, and those cannot be static.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" \
    && mkdir -p /out/state \
    && cp "target/$target/release/cutover" /out/cutover

FROM scratch
COPY --from=build /out/cutover /cutover
# A new volume takes over who owns the folder.
COPY --from=build --chown=65532:65532 /out/state /var/lib/cutover
USER 65532:65532
EXPOSE 8080
# Asks the admin address of the configuration's default; CUTOVER_ADMIN names another.
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["/cutover", "health"]
# SIGTERM drains; see `shutdown_deadline`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/cutover"]
CMD ["serve", "--config", "/etc/cutover/cutover.toml"]
