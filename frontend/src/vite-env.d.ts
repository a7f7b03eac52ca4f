/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_BACKEND_URL?: string;
  readonly VITE_WS_URL?: string;
  readonly VITE_USE_CLUSTER?: string;
  readonly VITE_CLUSTER_NODES?: string;
  readonly VITE_CHUNK_SIZE?: string;
  readonly VITE_UPLOAD_CONCURRENCY?: string;
  readonly VITE_SOCKET_RECONNECTION_DELAY?: string;
  readonly VITE_SOCKET_RECONNECTION_DELAY_MAX?: string;
  readonly VITE_SOCKET_RECONNECTION_ATTEMPTS?: string;
}
