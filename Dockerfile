# syntax=docker/dockerfile:1
# The Node that the project pins, from wherever you keep images; any image with that Node and a shell will do.
ARG NODE_IMAGE=node:26.10.0-bookworm-slim

# GraphiQL's page, whose packages are development dependencies and do not reach the image.
FROM ${NODE_IMAGE} AS graphiql
WORKDIR /gateway
COPY package.json package-lock.json tsconfig.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY graphiql ./graphiql
RUN npm run prepare

FROM ${NODE_IMAGE} AS install
WORKDIR /gateway
COPY package.json package-lock.json ./
# The image brings its own Node: the one that npm would install is optional.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY src ./src

FROM ${NODE_IMAGE}
ENV HOST=0.0.0.0 PORT=4000
WORKDIR /gateway
COPY --from=install /gateway ./
COPY --from=graphiql /gateway/dist/graphiql-assets ./dist/graphiql-assets
COPY deploy/start.sh ./
# `node` of Node's own images; by number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 4000
# Asks where the gateway listens: connecting to 0.0.0.0 or :: reaches this machine.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "const { HOST, PORT } = process.env; require('http').get({ host: HOST || '127.0.0.1', port: PORT || 4000, path: '/livez', agent: false, headers: { host: 'localhost' } }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# Passes signals on to Node, from the first moment.
ENTRYPOINT ["sh", "/gateway/start.sh"]
CMD ["node", "src/cli.ts"]
