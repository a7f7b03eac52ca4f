/// <reference types="vite/client" />

interface ImportMetaEnv extends Readonly<Record<`VITE_${string}`, string>> {}
