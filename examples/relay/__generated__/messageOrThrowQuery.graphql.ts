/**
 * @generated SignedSource<<fb4c2cbf202c79ba24233c1727b14424>>
 * @relayHash 973b7bce010f5cd0a2a47ea87afeafc0
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID c816290b0fe433550e68867295a3791b2a12fc5fde7a2fe352c333eb7b648ba9

import type { ConcreteRequest } from 'relay-runtime';
export type messageOrThrowQuery$variables = {
  chatId: string;
  id: string;
};
export type messageOrThrowQuery$data = {
  readonly chatMessage: {
    readonly chatId: string;
    readonly id: string;
    readonly text: string | null | undefined;
  } | null | undefined;
};
export type messageOrThrowQuery = {
  response: messageOrThrowQuery$data;
  variables: messageOrThrowQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "chatId"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "id"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "chatId",
        "variableName": "chatId"
      },
      {
        "kind": "Variable",
        "name": "id",
        "variableName": "id"
      }
    ],
    "concreteType": "ChatMessage",
    "kind": "LinkedField",
    "name": "chatMessage",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "chatId",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "id",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "text",
        "storageKey": null
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": {
      "throwOnFieldError": true
    },
    "name": "messageOrThrowQuery",
    "selections": (v1/*:: as any*/),
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "messageOrThrowQuery",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "cacheID": "973b7bce010f5cd0a2a47ea87afeafc0",
    "id": "c816290b0fe433550e68867295a3791b2a12fc5fde7a2fe352c333eb7b648ba9",
    "metadata": {},
    "name": "messageOrThrowQuery",
    "operationKind": "query",
    "text": "query messageOrThrowQuery(\n  $chatId: ID!\n  $id: ID!\n) {\n  chatMessage(chatId: $chatId, id: $id) {\n    chatId\n    id\n    text\n  }\n}\n"
  }
};
})();

(node as any).hash = "5fa020ca75919bed73e0606bbe6b61e5";

export default node;
