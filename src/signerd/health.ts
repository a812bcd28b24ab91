import {
  type sendUnaryData,
  type ServerUnaryCall,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { NOT_SERVING, SERVING } from "../signer-client/health-wire.js";
import { SERVICE } from "../signer-client/wire.js";

/** The standard's health check, for load balancers and supervisors. */
export function healthHandlers(isHealthy: () => boolean): UntypedServiceImplementation {
  return {
    Check(call: ServerUnaryCall<{ service?: string }, object>, answer: sendUnaryData<object>) {
      const service = call.request.service ?? "";
      if (service === "" || service === SERVICE) {
        answer(null, { status: isHealthy() ? SERVING : NOT_SERVING });
      } else answer({ code: status.NOT_FOUND, details: `no service ${service}` });
    },
  };
}
