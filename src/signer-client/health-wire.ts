import type { ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON, type MethodDefinition } from "@grpc/proto-loader";

/** Values of grpc.health.v1's `ServingStatus`. */
export const SERVING = 1;
export const NOT_SERVING = 2;

interface HealthCheckRequest {
  readonly service?: string;
}

export interface HealthCheckResponse {
  readonly status?: number;
}

/** `grpc.health.v1.Health`, the standard's Check. */
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

export const healthCheck = healthService["Check"] as MethodDefinition<
  HealthCheckRequest,
  HealthCheckResponse
>;
