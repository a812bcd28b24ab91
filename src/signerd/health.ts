import type {
  sendUnaryData,
  ServerUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { SERVICE } from "../finality/wire.js";

const SERVING = 1;
const NOT_SERVING = 2;

/** `grpc.health.v1.Health`, the standard's Check, for load balancers and supervisors. */
export const healthService = fromJSON({
  nested: {
    grpc: {
      nested: {
        health: {
          nested: {
            v1: {
              nested: {
                HealthCheckRequest: { fields: { service: { type: "string", id: 1 } } },
                HealthCheckResponse: { fields: { status: { type: "int32", id: 1 } } },
                Health: {
                  methods: {
                    Check: {
                      requestType: "HealthCheckRequest",
                      responseType: "HealthCheckResponse",
                      comment: "",
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
})["grpc.health.v1.Health"] as ServiceDefinition;

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
