export interface Programs {
  readonly etcd: string;
  readonly etcdctl: string;
}
export declare const ETCD_HELP: string;
export declare function findEtcd(): Programs | undefined;
export declare function ensureEtcd(): Programs | undefined;
