export function lightenScrypt(): () => void;
