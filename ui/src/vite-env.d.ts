declare module '@fontsource-variable/inter/wght.css'
declare module '@fontsource/jetbrains-mono/latin-500.css'
declare module '@fontsource/jetbrains-mono/latin-700.css'
