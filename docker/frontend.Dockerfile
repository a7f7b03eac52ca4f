# The page's files and nginx, which stands before the nodes. From the project's root:
#   docker build -f docker/frontend.Dockerfile -t peerlink-frontend .
ARG NODE_IMAGE=node:24-bookworm-slim
ARG NGINX_IMAGE=nginx:1.28

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY native/package.json native/
COPY frontend/package.json frontend/
RUN npm ci --include=dev
COPY frontend frontend
COPY services/contracts services/contracts
COPY tsconfig.json ./
# As in backend.Dockerfile: index.html comes from there and names the files of here.
ARG VITE_USE_CLUSTER=true
RUN cd frontend && NODE_ENV=production VITE_USE_CLUSTER="$VITE_USE_CLUSTER" node ../node_modules/vite/bin/vite.js build \
 && rm dist/index.html \
 && find dist -type f \( -name '*.js' -o -name '*.css' -o -name '*.svg' \) -exec gzip -9 -k {} +

FROM ${NGINX_IMAGE}
COPY docker/nginx-main.conf /etc/nginx/nginx.conf
COPY docker/nginx.conf.template /etc/nginx/templates/peerlink.conf.template
COPY docker/first-resolver.envsh /docker-entrypoint.d/16-first-resolver.envsh
COPY --from=build /app/frontend/dist /usr/share/nginx/html
# Without root: the rendered configuration is nginx's own, and a container may open port 80 as anybody
# (net.ipv4.ip_unprivileged_port_start, which docker-compose.yml sets and newer engines have as default).
RUN rm -f /etc/nginx/conf.d/default.conf /usr/share/nginx/html/50x.html && chown -R nginx /etc/nginx/conf.d
USER nginx
# Tells the image's own start-up to put the name servers into NGINX_LOCAL_RESOLVERS, which the template uses.
ENV NGINX_ENTRYPOINT_LOCAL_RESOLVERS=true
EXPOSE 80 5000
