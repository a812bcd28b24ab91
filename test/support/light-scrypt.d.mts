export function lightenScrypt(): void;
