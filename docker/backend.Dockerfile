# One node: the gateway, transfers and every other service. From the project's root:
#   docker build -f docker/backend.Dockerfile -t peerlink-backend .
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY native/package.json native/
COPY frontend/package.json frontend/
RUN npm ci --include=dev
COPY . .
# What the page is built with (VITE_...): the same for both images, so that the names of its files agree.
ARG VITE_USE_CLUSTER=true
# The image has Node's headers: the addon is built with these very ones, and none are fetched.
RUN VITE_USE_CLUSTER="$VITE_USE_CLUSTER" npm_config_nodedir=/usr/local npm run build && npm run copy-native

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY native/package.json native/
COPY frontend/package.json frontend/
# What the server loads and no more: a package that another one only wishes for (the Prisma command line, a compiler)
# stays out, and of Prisma's engines only PostgreSQL's stays in.
RUN npm ci --omit=dev --legacy-peer-deps --workspace=net_io --include-workspace-root \
 && find node_modules/@prisma/client/runtime -type f \
      \( -name '*.sqlserver.*' -o -name '*.sqlite.*' -o -name '*.mysql.*' -o -name '*.cockroachdb.*' -o -name '*.map' \) -delete

FROM ${NODE_IMAGE}
ENV NODE_ENV=production DATA_DIR=/data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY docker/make-secrets.mjs docker/check-ready.mjs docker/
# For an operator: docker compose exec backend node scripts/peerlink.mjs drain <node> --wait
COPY scripts/peerlink.mjs scripts/
COPY scripts/setup/process.mjs scripts/setup/
COPY prisma/migrations prisma/migrations
COPY native/package.json native/
COPY --from=build /app/native/prebuilds native/prebuilds
COPY --from=build /app/frontend/dist frontend/dist
COPY --from=build /app/dist dist
# New named volumes take their owner from these folders.
RUN mkdir -p /data /run/peerlink && chown node:node /data /run/peerlink
ARG COMMIT=
RUN if [ -n "$COMMIT" ]; then printf '%s\n' "$COMMIT" > COMMIT; fi
USER node
# An image whose addon does not load on this very system would run, many times slower: better none. The parts that a
# start loads late are loaded too, so that a package left out is found here.
RUN node -e "const kernels = require('./dist/native/index.js').loadNetIo({ useNative: true }).kernels(); \
      if (kernels.implementation !== 'native') throw new Error('net_io is not native: ' + JSON.stringify(kernels)); \
      require('./dist/services/database/open-database.js'); require('./dist/services/composition/compose-node.js'); \
      console.log('net_io runs natively:', kernels.active);"
EXPOSE 5000
STOPSIGNAL SIGTERM
CMD ["node", "dist/services/main.js"]
