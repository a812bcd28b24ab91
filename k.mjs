import { party } from "tapstake/regtest"; import { hex } from "tapstake"; console.log(hex.encode(party("provider").publicKey));
