import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { root } from './programs.ts';

// The examples import this package by its name, as a project that has installed it does.
const place = `${root}examples/node_modules/linq-graphql-gateway`;
mkdirSync(`${root}examples/node_modules`, { recursive: true });
rmSync(place, { force: true });
symlinkSync(root, place, 'junction');
