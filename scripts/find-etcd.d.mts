export const ETCD_HELP: string;
export function findEtcd(): { readonly etcd: string; readonly etcdctl: string } | undefined;
